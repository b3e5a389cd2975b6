// The editor of a cell: CodeMirror with what a small Python program needs. Bundled into templates/assets/editor.js; the
// page loads it when a reader presses Edit, and takes a text area where it was not built.

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, insertTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightSpecialChars, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// The colours of the page's own code (templates/assets/tour.css), so that nothing changes but the caret.
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.bool, tags.null, tags.self], color: "var(--c-key)" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.definition(tags.variableName)), tags.className], color: "var(--c-name)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--c-string)" },
  { tag: tags.comment, color: "var(--c-comment)", fontStyle: "italic" },
  { tag: tags.number, color: "var(--c-number)" },
]);

const theme = EditorView.theme({
  "&": { color: "var(--t-ink)", fontSize: ".66rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--md-code-font, ui-monospace, monospace)", lineHeight: "1.6" },
  ".cm-content": { padding: ".5rem 0", caretColor: "var(--t-accent)" },
  ".cm-line": { padding: "0 .8rem" },
  ".cm-cursor": { borderLeftColor: "var(--t-accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--t-lit)" },
  "&.cm-focused .cm-matchingBracket": { background: "var(--t-lit)" },
});

/** @param {HTMLElement} box @param {{code: string, label: string, run: () => void, changed: () => void, leave: () => void}} setting */
export function open(box, { code, label, run, changed, leave }) {
  const host = document.createElement("div");
  host.className = "cell-editor";
  // a shadow root takes CodeMirror's styles as sheets, which a strict content security policy lets pass
  const root = host.attachShadow({ mode: "open" });
  box.append(host);
  const act = (/** @type {() => void} */ what) => () => { what(); return true; };
  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: code,
      extensions: [
        keymap.of([
          { key: "Shift-Enter", run: act(run) },
          { key: "Escape", run: act(leave) },
          { key: "Tab", run: insertTab, shift: indentLess },
          ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap,
        ]),
        history(), drawSelection(), highlightSpecialChars(), indentOnInput(), bracketMatching(), closeBrackets(),
        indentUnit.of("    "), python(), syntaxHighlighting(colours), theme,
        EditorView.contentAttributes.of({ "aria-label": label, autocapitalize: "off", spellcheck: "false" }),
        EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
      ],
    }),
  });
  host.addEventListener("keydown", (event) => event.stopPropagation()); // the page's own keys are letters here
  return {
    get code() { return view.state.doc.toString(); },
    focus: () => view.focus(),
    close: () => { view.destroy(); host.remove(); },
  };
}
