// Runs before the page is drawn, so that a dark page never flashes white.
{
  let kept = null;
  try {
    if (window === top) kept = localStorage.getItem("prevue-theme"); // in a notebook's frame it looks as the notebook does
  } catch {
    // in a frame of another site, or where cookies are blocked, a page may keep nothing
  }
  document.documentElement.dataset.theme = kept ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}
