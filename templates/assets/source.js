// A source page is one for all languages and stands outside the theme: keep the reader's colours and language here too.
// A plain script in the head, so that nothing flashes; without it both languages show, and the system's colours.

{
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const root = document.documentElement;
  try {
    const scheme = JSON.parse(read("/.__palette"))?.color?.scheme;
    if (scheme) root.dataset.mdColorScheme = scheme;
  } catch { /* not the theme's own value: the system's colours then */ }
  const lang = read("tour-lang");
  if (lang === "en" || lang === "zh") root.dataset.reads = lang;
  if (lang === "zh") {
    addEventListener("DOMContentLoaded", () => {
      for (const pass of document.querySelectorAll(".pass")) {
        pass.href = pass.getAttribute("href").replace("tours/", "zh/tours/");
      }
    });
  }
}
