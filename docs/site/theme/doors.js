// An example for axum with "On actix-web" below it becomes two tabs. The choice holds on every page. Without a script, the
// second stays a part that opens.
(() => {
  "use strict";
  const key = "housekey-door";
  const choices = [];
  const remembered = () => {
    try {
      return localStorage.getItem(key) === "actix-web" ? "actix-web" : "axum";
    } catch {
      return "axum";
    }
  };
  const choose = (door) => {
    try {
      localStorage.setItem(key, door);
    } catch {
      // It holds on this page.
    }
    for (const choice of choices) choice(door);
  };
  for (const details of document.querySelectorAll("main details")) {
    const summary = details.querySelector("summary");
    const axum = details.previousElementSibling;
    if (summary?.textContent.trim() !== "On actix-web" || axum?.tagName !== "PRE") continue;
    const actix = document.createElement("div");
    actix.append(...[...details.childNodes].filter((node) => node !== summary));
    const tabs = document.createElement("div");
    tabs.className = "doors";
    tabs.setAttribute("role", "tablist");
    tabs.setAttribute("aria-label", "Framework");
    const panels = { axum, "actix-web": actix };
    const buttons = Object.keys(panels).map((door) => {
      const button = document.createElement("button");
      const panel = panels[door];
      panel.id ||= `door-${choices.length}-${door}`;
      panel.setAttribute("role", "tabpanel");
      button.type = "button";
      button.textContent = door;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      button.addEventListener("click", () => choose(door));
      button.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        event.preventDefault();
        event.stopPropagation();
        choose(door === "axum" ? "actix-web" : "axum");
        tabs.querySelector("[aria-selected=true]").focus();
      });
      tabs.append(button);
      return button;
    });
    choices.push((chosen) => {
      for (const button of buttons) {
        const isChosen = button.textContent === chosen;
        button.setAttribute("aria-selected", isChosen);
        button.tabIndex = isChosen ? 0 : -1;
        panels[button.textContent].hidden = !isChosen;
      }
    });
    axum.before(tabs);
    details.replaceWith(actix);
  }
  for (const choice of choices) choice(remembered());
})();
