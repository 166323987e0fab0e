"use strict";
const openers = [...document.querySelectorAll("button.why")];
const dialogOf = (opener) => document.getElementById(opener.dataset.dialog);
const visible = () => openers.filter((opener) => !opener.hidden && !opener.closest("[hidden]"));

function show(opener) {
  const dialog = dialogOf(opener);
  const page = dialog.querySelector(".page");
  // A rule's page is in the document once, however many findings speak of it.
  if (!page.hasChildNodes()) page.append(document.getElementById("rule-" + dialog.dataset.rule).content.cloneNode(true));
  const order = visible();
  const at = order.indexOf(opener);
  const [previous, next] = dialog.querySelectorAll(".step");
  previous.disabled = at <= 0;
  next.disabled = at >= order.length - 1;
  opener.scrollIntoView({ block: "center" });
  // The dialog gives the focus back to where it was when it opened.
  opener.focus({ preventScroll: true });
  dialog.showModal();
  dialog.querySelector(".close").focus();
  history.replaceState(null, "", "#" + opener.id);
}

function step(dialog, by) {
  const order = visible();
  const at = order.findIndex((opener) => opener.dataset.dialog === dialog.id);
  const target = order[at + by];
  if (!target) return;
  dialog.close();
  show(target);
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("button.why");
  if (opener) return show(opener);
  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  const button = event.target.closest("button");
  if (button?.classList.contains("close")) return dialog.close();
  if (button?.classList.contains("step")) return step(dialog, Number(button.value));
  // A click on the dialog itself that is outside its box is one on the backdrop.
  const box = dialog.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (event.target === dialog && !inside) dialog.close();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !["j", "k"].includes(event.key)) return;
  const by = event.key === "j" ? 1 : -1;
  const open = document.querySelector("dialog[open]");
  if (open) return step(open, by);
  const order = visible();
  const at = order.indexOf(document.activeElement);
  const target = at < 0 ? order[by > 0 ? 0 : order.length - 1] : order[at + by];
  target?.focus();
});

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
}

document.querySelector(".levels").addEventListener("change", () => {
  const wanted = new Set([...document.querySelectorAll(".levels input:checked")].map((input) => input.value));
  for (const opener of openers) opener.hidden = !["error", "warning", "note"].some((level) => wanted.has(level) && opener.classList.contains(level));
  for (const hit of document.querySelectorAll(".hit")) hit.classList.toggle("off", hit.querySelector("button.why:not([hidden])") === null);
  for (const file of document.querySelectorAll(".file")) file.hidden = file.querySelector("button.why:not([hidden])") === null;
});

const linked = document.getElementById(location.hash.slice(1));
if (linked?.matches("button.why")) show(linked);
