export const party = () => document.body.classList.add("party");
