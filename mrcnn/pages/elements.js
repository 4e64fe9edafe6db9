// Elements, numbers, and what is embedded in the page.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of HTML; texts are texts, never HTML. */
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an element of SVG. */
function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const byId = (id) => document.getElementById(id);

/** Return a number with so many decimals; a dash where there is none. */
function number(value, decimals = 3) {
  return value == null || Number.isNaN(value) ? "–" : value.toFixed(decimals);
}

/** Return "1 photo", "2 photos". */
function counted(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;
}

/** Return a share 0..1 as a percentage with two digits that tell. */
function percent(share) {
  const value = 100 * share;
  return `${value >= 10 || value === 0 ? Math.round(value) : Number(value.toPrecision(2))} %`;
}

function embedded(id) {
  const holder = byId(id);
  return holder ? JSON.parse(holder.textContent) : null;
}

/** Return the photos of the page; `picture()` decodes the small picture of one when it is seen. */
function readPhotos() {
  const holders = document.querySelectorAll("script.photo");
  return Array.from(holders, (holder, index) => {
    const photo = JSON.parse(holder.textContent);
    const data = holder.nextElementSibling;
    photo.index = index;
    photo.picture = () => `data:image/jpeg;base64,${data.textContent}`;
    return photo;
  });
}

/** Call `work` once before the next frame, however often the returned function is called. */
function beforeNextFrame(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}

/** A button that is pressed or not; `color` paints its mark. */
function chip(text, { count = null, color = null, title = "", pressed = false, key = null, press }) {
  const button = element("button", { type: "button", class: "chip", title, "data-key": key });
  if (color) {
    const mark = element("span", { class: "mark" });
    mark.style.background = color;
    button.append(mark);
  }
  button.append(element("span", {}, text));
  if (count !== null) button.append(element("b", {}, count.toLocaleString("en")));
  button.setAttribute("aria-pressed", pressed);
  button.addEventListener("click", press);
  return button;
}

/** Replace what is in `parent` by chips, and keep the focus where it was. */
function replaceChips(parent, chips) {
  const held = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...chips);
  if (held) chips.find((each) => each.dataset.key === held)?.focus();
}
