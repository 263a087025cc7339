// Before the page is painted: light or dark, and the time zone, as this browser last chose them.
"use strict";
(() => {
  const root = document.documentElement;
  const read = (name) => {
    try {
      return localStorage.getItem(`informer.${name}`);
    } catch {
      return null; // a browser that keeps nothing
    }
  };
  const theme = read("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const zone = read("zone");
  try {
    if (zone) new Intl.DateTimeFormat("en", { timeZone: zone });
    root.dataset.zone = zone || "UTC";
  } catch {
    root.dataset.zone = "UTC";
  }
})();
