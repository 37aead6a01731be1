// Sets the colours before the page is drawn: modules run later.
document.documentElement.dataset.theme =
	localStorage.getItem('roster:theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
