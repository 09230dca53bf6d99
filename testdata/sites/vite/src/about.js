import "./style.css";
import { plural } from "./plural.js";

document.title = `About ${plural(2)}`;
