// Photos as tiles. Only those that are seen are in the document, so that thousands cost nothing.

const GAP = 12;
const CAPTION = 46;

class Gallery {
  /**
   * @param root the element that is as high as all tiles.
   * @param view functions of a photo: `objects(photo)` to draw, `caption(photo)` nodes for its
   *   second line, and `open(place)`, called when the tile at a place is chosen.
   */
  constructor(root, view) {
    Object.assign(this, { root, view, photos: [], tiles: new Map(), least: 260, place: 0 });
    this.draw = beforeNextFrame(() => this.lay());
    addEventListener("scroll", this.draw, { passive: true });
    new ResizeObserver(this.draw).observe(root);
    root.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show these photos, in this order; what is drawn over them may have changed. */
  show(photos) {
    this.photos = photos;
    this.stale = true;
    this.place = Math.max(0, Math.min(this.place, photos.length - 1));
    this.draw();
  }

  resize(least) {
    this.least = least;
    this.stale = true;
    this.draw();
  }

  measure() {
    const width = this.root.clientWidth;
    const least = Math.min(this.least, width);
    this.columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    this.width = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    this.height = Math.round(0.75 * this.width) + CAPTION;
  }

  lay() {
    const before = this.width;
    this.measure();
    const step = this.height + GAP;
    const rows = Math.ceil(this.photos.length / this.columns);
    this.root.style.height = `${Math.max(0, rows * step - GAP)}px`;
    const top = -this.root.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - step) / step)) * this.columns;
    const last = Math.ceil((top + innerHeight + step) / step) * this.columns;
    const seen = this.photos.slice(first, Math.max(0, last));
    const kept = new Set(seen.map((photo) => photo.index));
    for (const [index, tile] of this.tiles) {
      if (kept.has(index)) continue;
      tile.remove();
      this.tiles.delete(index);
    }
    const redraw = this.stale || before !== this.width;
    this.stale = false;
    seen.forEach((photo, offset) => this.put(photo, first + offset, redraw));
  }

  put(photo, place, redraw) {
    let tile = this.tiles.get(photo.index);
    const fresh = !tile;
    if (fresh) {
      tile = element("button", { type: "button", class: "tile" });
      tile.append(
        element("span", { class: "stage" }, element("img", { alt: "", decoding: "async" })),
        element("span", { class: "name" }, photo.name),
        element("span", { class: "caption" }),
      );
      tile.title = photo.path;
      tile.querySelector("img").src = photo.picture();
      tile.addEventListener("click", () => this.view.open(Number(tile.dataset.place)));
      tile.addEventListener("focus", () => this.at(Number(tile.dataset.place)));
      this.tiles.set(photo.index, tile);
    }
    tile.dataset.place = place;
    tile.tabIndex = place === this.place ? 0 : -1;
    const row = Math.floor(place / this.columns);
    const column = place % this.columns;
    tile.style.width = `${this.width}px`;
    tile.style.height = `${this.height}px`;
    tile.style.transform = `translate(${column * (this.width + GAP)}px, ${row * (this.height + GAP)}px)`;
    if (fresh || redraw) {
      const stage = tile.querySelector(".stage");
      const scale = Math.max(photo.width / this.width, photo.height / (this.height - CAPTION));
      stage.querySelector("svg")?.remove();
      stage.append(overlay(photo, this.view.objects(photo), scale));
      tile.querySelector(".caption").replaceChildren(...this.view.caption(photo));
    }
    if (fresh) this.root.append(tile);
  }

  at(place) {
    this.place = place;
    for (const tile of this.tiles.values()) {
      tile.tabIndex = Number(tile.dataset.place) === place ? 0 : -1;
    }
  }

  /** Give the focus to the tile at a place, and bring it into sight. */
  focus(place) {
    this.at(Math.max(0, Math.min(place, this.photos.length - 1)));
    const photo = this.photos[this.place];
    if (!photo) return;
    const step = this.height + GAP;
    const top = this.root.getBoundingClientRect().top + Math.floor(this.place / this.columns) * step;
    const bar = byId("bar").getBoundingClientRect();
    const clear = getComputedStyle(byId("bar")).position === "sticky" ? bar.height : 0;
    if (top < clear + GAP) scrollBy(0, top - clear - GAP);
    else if (top + this.height > innerHeight) scrollBy(0, top + this.height - innerHeight + GAP);
    this.lay();
    this.tiles.get(photo.index)?.focus({ preventScroll: true });
  }

  key(event) {
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      Home: -this.photos.length,
      End: this.photos.length,
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const to = this.place + moves[event.key];
    const row = event.key === "ArrowUp" || event.key === "ArrowDown";
    if (!row || (to >= 0 && to < this.photos.length)) this.focus(to);
  }
}

/**
 * Give a page its gallery, its lightbox and the controls of both.
 *
 * @param page says what of a photo is shown, by `objects(photo)`, `caption(photo)` and
 *   `rows(photo)`; `state.order` and `state.name` are set and `update()` called.
 * @param orders the ways to sort, by their names in `state.order`: words for each.
 */
function showPhotosOf(page, orders) {
  const objects = (photo) => page.objects(photo);
  page.gallery = new Gallery(byId("gallery"), {
    objects,
    caption: (photo) => page.caption(photo),
    open: (place) => page.lightbox.open(place),
  });
  page.lightbox = new Lightbox(byId("lightbox"), {
    objects,
    rows: (photo) => page.rows(photo),
    photos: () => page.gallery.photos,
    closed: (place) => page.gallery.focus(place),
  });
  const order = byId("order");
  for (const [value, words] of Object.entries(orders)) order.append(element("option", { value }, words));
  order.addEventListener("change", () => {
    page.state.order = order.value;
    page.update();
  });
  byId("search").addEventListener("input", (event) => {
    page.state.name = event.target.value.toLowerCase();
    page.update();
  });
  byId("size").addEventListener("input", (event) => page.gallery.resize(Number(event.target.value)));
}
