// Elements, tab lists and stored values.

export const $ = (id) => document.getElementById(id);

/** Creates an element. Functions are listeners; texts among the children are never markup. */
export function h(tag, properties, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties ?? {})) {
		if (typeof value === 'function') element.addEventListener(name, value);
		else if (value !== undefined) element.setAttribute(name, value);
	}
	element.append(...children.flat().filter(Boolean));
	return element;
}

/** A value as JSON in the browser's storage, or in memory if that is full or damaged. */
export function stored(key, preset) {
	let held = preset;
	const attempt = (action) => {
		try {
			return action();
		} catch {
			return held;
		}
	};
	return {
		get: () => attempt(() => JSON.parse(localStorage.getItem(key)) ?? held),
		set(value) {
			held = value;
			attempt(() => localStorage.setItem(key, JSON.stringify(value)));
		},
	};
}

/** Marks the chosen tab of a list. Of panels, only its own is shown. */
export function chooseTab(chosen) {
	for (const tab of chosen.parentElement.children) {
		tab.setAttribute('aria-selected', tab === chosen);
		tab.tabIndex = tab === chosen ? 0 : -1;
		$(tab.getAttribute('aria-controls')).hidden = tab !== chosen;
	}
	$(chosen.getAttribute('aria-controls')).hidden = false;
}

/** Lets a tab be chosen by click, arrow keys, Home and End. */
export function tabList(list, choose = chooseTab) {
	const tabOf = (event) => event.target.closest('[role=tab]');
	list.addEventListener('click', (event) => tabOf(event) && choose(tabOf(event)));
	list.addEventListener('keydown', (event) => {
		const tabs = [...list.children].filter((tab) => !tab.hidden);
		const at = tabs.indexOf(tabOf(event));
		const steps = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 };
		if (!(event.key in steps)) return;
		event.preventDefault();
		const tab = tabs.at(steps[event.key] % tabs.length);
		choose(tab);
		tab.focus();
	});
}
