export const plural = (n) => `${n} ${n === 1 ? "click" : "clicks"}`;
