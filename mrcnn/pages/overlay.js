// What is drawn over a photo: outlines, boxes and labels, in layers that can be switched.

// key: [name, title, shown at first]
const LAYERS = {
  annotated: ["a", "Annotation", true],
  found: ["p", "Predictions", true],
  fills: ["f", "Fills", true],
  labels: ["l", "Labels", true],
  boxes: ["b", "Boxes", false],
  below: ["u", "Under the threshold", false],
};

/** Buttons for layers; the gallery and the enlarged photo follow by the classes of <body>. */
class Layers {
  constructor(parent, names, changed = () => {}) {
    this.changed = changed;
    this.names = names;
    this.buttons = {};
    for (const name of names) {
      const [key, title, shown] = LAYERS[name];
      this.buttons[name] = chip(title, {
        title: `${title} (${key})`,
        key: name,
        press: () => this.toggle(name),
      });
      this.set(name, shown);
    }
    parent.append(...Object.values(this.buttons));
  }

  set(name, shown) {
    this.buttons[name].setAttribute("aria-pressed", shown);
    document.body.classList.toggle(`no-${name}`, !shown);
  }

  shown(name) {
    return name in this.buttons && this.buttons[name].getAttribute("aria-pressed") === "true";
  }

  toggle(name) {
    this.set(name, !this.shown(name));
    this.changed();
  }

  /** Answer a key; return whether it was one of a layer. */
  press(key) {
    const name = this.names.find((each) => LAYERS[each][0] === key);
    if (name) this.toggle(name);
    return Boolean(name);
  }
}

/**
 * Draw objects over a photo that is `scale` of its pixels to one of the screen's.
 *
 * Each of `objects` has `id`, `layer`, `kind` (a class of the style sheet) or `color`, `label`, and
 * `outline` and `box` as the page's photos have them. Returns an <svg>.
 */
function overlay(photo, objects, scale) {
  const drawing = shape("svg", { viewBox: `0 0 ${photo.width} ${photo.height}`, class: "overlay" });
  const size = 12 * scale;
  const labels = []; // they come last, over all outlines
  const places = [];
  for (const object of objects) {
    const [y1, x1, y2, x2] = object.box;
    const group = shape("g", { class: `${object.layer} ${object.kind ?? ""}` });
    if (object.color) group.style.setProperty("--ink", object.color);
    group.dataset.object = object.id;
    const frame = { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
    if (object.outline) {
      group.append(shape("path", { d: object.outline, class: "halo" }));
      group.append(shape("path", { d: object.outline, class: "outline" }));
      group.append(shape("rect", { ...frame, class: "box" }));
    } else {
      group.append(shape("rect", { ...frame, class: "halo" }));
      group.append(shape("rect", { ...frame, class: "outline" }));
    }
    if (object.label) {
      const below = object.layer === "annotated";
      // Rough, but nothing is measured: 0.62 of the height is the width of a letter.
      const width = 0.62 * size * object.label.length;
      const x = Math.max(0, Math.min(x1, photo.width - width));
      let y = below ? Math.min(photo.height - 0.35 * size, y2 + size) : Math.max(size, y1 - 0.35 * size);
      const hit = (other) => x < other.x + other.width && other.x < x + width && Math.abs(y - other.y) < size;
      for (let tries = 0; tries < 4 && places.some(hit); tries += 1) y += below ? -size : size;
      places.push({ x, y, width });
      const text = shape("text", { x, y, "font-size": size, class: "label" }, object.label);
      text.style.strokeWidth = `${0.28 * size}px`;
      const over = shape("g", { class: group.getAttribute("class") }, text);
      over.dataset.object = object.id;
      labels.push(over);
    }
    drawing.append(group);
  }
  drawing.append(...labels);
  return drawing;
}
