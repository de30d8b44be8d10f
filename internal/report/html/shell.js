// What every page has: the skip link, and the button for dark and light. The
// choice is not kept: a file from a mail has no place for it.

document.documentElement.classList.add("script");

// The skip link goes to the content without leaving the view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});

const dark = matchMedia("(prefers-color-scheme: dark)");
function isDark() {
  return (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
}

function labelTheme() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}
byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  labelTheme();
});
dark.addEventListener("change", labelTheme);
labelTheme();
