// The cells of a tour's page. Without a kernel they show what was recorded; the reader's choice among recordings holds
// for all of them.

import { fit } from "./outputs.js";

const KEY = "tour-recording";
const page = document.querySelector(".tour");
const picks = page ? [...page.querySelectorAll(".cell-pick")] : [];

const choose = (value) => {
  for (const pick of picks) if (pick.value === value) pick.checked = true;
};

for (const pick of picks) {
  pick.addEventListener("change", () => {
    choose(pick.value);
    try { localStorage.setItem(KEY, pick.value); } catch { /* not allowed: it holds for this page */ }
  });
}
try { choose(localStorage.getItem(KEY)); } catch { /* likewise */ }
for (const frame of page?.querySelectorAll(".out-html") ?? []) fit(frame);
