// Reproducible random choices: the seed is printed, and the second argument repeats it.

/// Choices for the suite of this name.
export function choices(name) {
  const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${name}: seed ${seed}`);
  // Mulberry32.
  let state = seed >>> 0;
  function random() {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  const below = (n) => Math.floor(random() * n);
  return { below, chance: (p) => random() < p, pick: (list) => list[below(list.length)] };
}
