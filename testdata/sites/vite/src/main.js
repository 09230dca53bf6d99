import "./style.css";
import { plural } from "./plural.js";

const button = document.querySelector("#count");
let clicks = 0;
button.addEventListener("click", async () => {
  button.textContent = plural(++clicks);
  if (clicks === 10) (await import("./party.js")).party();
});
button.title = import.meta.env.VITE_GREETING;
