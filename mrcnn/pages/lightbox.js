// One photo, enlarged: the photo itself where it is still there, else its small picture.

class Lightbox {
  /**
   * @param view functions of a photo: `objects(photo)` to draw, `rows(photo)` to list beside it,
   *   each with `ids` of what is drawn, `text`, `kind` or `color`; `photos()` in their order; `closed(place)`.
   */
  constructor(dialog, view) {
    Object.assign(this, { dialog, view, place: 0 });
    dialog.tabIndex = -1;
    const button = (text, title, press) =>
      element("button", { type: "button", title, "aria-label": title, onclick: press }, text);
    this.stage = element("div", { class: "stage" });
    this.title = element("h2");
    this.facts = element("p", { class: "quiet" });
    this.list = element("ol", { class: "objects" });
    dialog.append(
      this.stage,
      element(
        "aside",
        {},
        element(
          "div",
          { class: "row" },
          button("←", "Previous photo (←)", () => this.go(-1)),
          button("→", "Next photo (→)", () => this.go(1)),
          element("span", { class: "fill" }),
          button("✕", "Close (Escape)", () => dialog.close()),
        ),
        this.title,
        this.facts,
        this.list,
      ),
    );
    new ResizeObserver(beforeNextFrame(() => this.draw())).observe(this.stage);
    dialog.addEventListener("close", () => {
      this.stage.replaceChildren();
      view.closed(this.place);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target === this.stage) dialog.close();
    });
  }

  get photo() {
    return this.view.photos()[this.place];
  }

  open(place) {
    this.place = place;
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.dialog.focus();
    }
    this.load();
  }

  go(step) {
    const count = this.view.photos().length;
    const place = Math.max(0, Math.min(this.place + step, count - 1));
    if (place !== this.place) this.open(place);
  }

  load() {
    const { photo } = this;
    const image = element("img", { alt: photo.name, src: photo.picture() });
    this.stage.replaceChildren(image);
    const whole = new Image();
    // A photo that was replaced by another one since is not what was looked at.
    whole.onload = () => {
      const same = whole.naturalWidth === photo.width && whole.naturalHeight === photo.height;
      if (same && image.isConnected) image.src = whole.src;
    };
    whole.src = photo.address;
    this.title.textContent = photo.name;
    this.draw();
  }

  /** Draw again what lies over the photo. */
  draw() {
    const { photo } = this;
    if (!this.dialog.open || !photo) return;
    const { clientWidth, clientHeight } = this.stage;
    const scale = Math.max(photo.width / clientWidth, photo.height / clientHeight);
    this.stage.querySelector("svg")?.remove();
    this.stage.append(overlay(photo, this.view.objects(photo), scale));
    const image = this.stage.querySelector("img");
    image.style.width = `${photo.width / scale}px`;
    image.style.height = `${photo.height / scale}px`;
    const place = `${this.place + 1} of ${this.view.photos().length}`;
    this.facts.textContent = `${place} · ${photo.width} × ${photo.height} · ${photo.path}`;
    const rows = this.view.rows(photo).map(({ ids, text, detail, kind = "", color }) => {
      const mark = element("span", { class: "mark" });
      const row = element(
        "li",
        { class: kind, tabindex: -1 },
        mark,
        element("span", {}, text),
        element("small", { class: "quiet" }, detail),
      );
      if (color) mark.style.background = color;
      row.addEventListener("pointerenter", () => this.mark(ids));
      row.addEventListener("pointerleave", () => this.mark(null));
      return row;
    });
    if (!rows.length) rows.push(element("li", { class: "quiet" }, "Nothing."));
    this.list.replaceChildren(...rows);
  }

  /** Let some of what is drawn stand out, or (null) nothing. */
  mark(ids) {
    for (const group of this.stage.querySelectorAll("svg g")) {
      group.classList.toggle("dim", ids !== null && !ids.includes(group.dataset.object));
    }
  }

  /** Answer a key; return whether it was one of this dialog. */
  press(key) {
    if (!this.dialog.open) return false;
    if (key === "ArrowLeft") this.go(-1);
    else if (key === "ArrowRight") this.go(1);
    else if (key === "Home") this.go(-Infinity);
    else if (key === "End") this.go(Infinity);
    else return false;
    return true;
  }
}

/** Fill the dialog of the keys, and answer all keys of the page. */
function listenToKeys(lightbox, layers, more = {}) {
  const keys = byId("keys");
  const lines = [
    ["← → ↑ ↓", "from photo to photo"],
    ["Enter", "enlarge"],
    ["Escape", "close"],
    ...layers.names.map((name) => [LAYERS[name][0], LAYERS[name][1].toLowerCase()]),
    ...Object.entries(more).map(([key, [text]]) => [key, text]),
    ["?", "these keys"],
  ];
  const list = element("dl");
  for (const [key, text] of lines) list.append(element("dt", {}, key), element("dd", {}, text));
  keys.append(element("h2", {}, "Keys"), list);
  keys.addEventListener("click", () => keys.close());
  byId("help").addEventListener("click", () => keys.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    const typing = target.matches?.("input[type=search], select");
    const sliding = target.matches?.("input[type=range]") && !lightbox.dialog.open;
    if (typing || (sliding && key.length > 1)) return;
    const answer = () => {
      if (key === "?") return keys.open ? keys.close() : keys.showModal();
      if (key in more) return more[key][1]();
      if (lightbox.press(key) || layers.press(key)) return undefined;
      return false;
    };
    if (answer() !== false) event.preventDefault();
  });
}
