// A source page is one for all languages and stands outside the theme: keep the reader's colours and language here too.
// A plain script in the head, so that nothing flashes; without it both languages show, and the system's colours.

{
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const root = document.documentElement;
  try {
    const scheme = JSON.parse(read("/.__palette"))?.color?.scheme;
    if (scheme) root.dataset.mdColorScheme = scheme;
  } catch { /* not the theme's own value: the system's colours then */ }
  const chosen = read("tour-lang");
  const lang = chosen === "en" || chosen === "zh" ? chosen : navigator.language.startsWith("zh") ? "zh" : "en";
  root.dataset.reads = lang;
  root.lang = lang;
}
