document.querySelector("#year").textContent = new Date().getFullYear();
