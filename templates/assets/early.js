// Before anything is drawn: that the code follows the reader, and which of the page's versions it shows. A plain script in
// the head, so that nothing moves afterwards; without it every step shows its own code in the page's first version.

{
  const root = document.documentElement;
  const versions = document.querySelector('meta[name="tour-versions"]')?.content.split(" ") ?? [];
  let chosen = null;
  try { chosen = JSON.parse(localStorage.getItem("tour-version")); } catch { /* not allowed, or not ours */ }
  const at = Math.max(0, versions.indexOf(chosen?.version));
  root.dataset.follow = "";
  root.dataset.at = String(at);
  root.dataset.shows = chosen?.changed && versions.length > 1 ? `c${at || 1}` : String(at);
}
