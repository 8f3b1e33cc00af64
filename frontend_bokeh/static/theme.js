// Runs before the page is drawn, so that a dark page never flashes white.
document.documentElement.dataset.theme =
  localStorage.getItem("prevue-theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
