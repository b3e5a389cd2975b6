// What a cell shows, as elements.

/** Give a frame of HTML the height of what it holds. */
export function fit(frame) {
  const measure = () => {
    const body = frame.contentDocument?.body;
    if (body) frame.style.height = `${Math.min(body.scrollHeight + 2, 600)}px`;
  };
  if (frame.contentDocument?.readyState === "complete") measure();
  frame.addEventListener("load", measure);
}
