// The page of a run over photos: what was found in them.

const ORDERS = {
  uncertain: "most uncertain first",
  many: "most objects first",
  name: "by name",
  run: "as in the run",
};

/** Two sliders on one track: the least and the most of something. */
class Range {
  constructor(parent, { name, least, most, step, show, changed }) {
    const slider = (value, which) =>
      element("input", { type: "range", min: 0, max: 1, step, value, "aria-label": `${which} ${name}` });
    this.low = slider(0, "Least");
    this.high = slider(1, "Greatest");
    this.scale = (value) => least + (most - least) * value;
    this.said = element("output");
    this.show = show;
    const moved = (held) => {
      if (Number(this.low.value) > Number(this.high.value)) {
        const other = held === this.low ? this.high : this.low;
        other.value = held.value;
      }
      this.say();
      changed();
    };
    for (const held of [this.low, this.high]) held.addEventListener("input", () => moved(held));
    parent.append(element("span", {}, name), element("span", { class: "track" }, this.low, this.high), this.said);
    this.say();
  }

  /** [least, most]; at its end a slider holds nothing back. */
  get value() {
    const low = Number(this.low.value);
    const high = Number(this.high.value);
    return [low === 0 ? -Infinity : this.scale(low), high === 1 ? Infinity : this.scale(high)];
  }

  say() {
    const [low, high] = [this.low, this.high].map((each) => this.show(this.scale(Number(each.value))));
    this.said.textContent = `${low} – ${high}`;
  }
}

class PredictionsPage {
  constructor() {
    this.facts = embedded("facts");
    this.photos = readPhotos();
    this.names = this.facts.class_names;
    this.state = { classes: new Set(), empty: false, order: "uncertain", name: "" };
    this.update = beforeNextFrame(() => this.show());
    showPhotosOf(this, ORDERS);
    this.layers = new Layers(byId("layers"), ["found", "fills", "labels", "boxes"]);
    listenToKeys(this.lightbox, this.layers);
    this.controls();
    this.show();
  }

  controls() {
    const { facts } = this;
    const done = this.photos.length;
    const failed = embedded("failed") ?? [];
    const left = facts.photos - done - failed.length;
    byId("about").textContent = [
      facts.weights,
      counted(done, "photo"),
      left > 0 && `${left} more not looked at`,
      failed.length && `${failed.length} failed`,
      `objects from a score of ${number(facts.min_confidence, 2)} on`,
    ]
      .filter(Boolean)
      .join(" · ");
    if (failed.length) {
      const failures = byId("failures");
      failures.hidden = false;
      failures.querySelector("summary").textContent = `${counted(failed.length, "photo")} failed`;
      failures.querySelector("ul").append(...failed.map(({ reason }) => element("li", {}, reason)));
    }
    const changed = () => this.update();
    const scores = this.photos.flatMap((photo) => photo.found.map((object) => object.score));
    const least = scores.reduce((low, score) => Math.min(low, score), facts.min_confidence);
    const said = { name: "Score", step: 0.01, least, most: 1, changed };
    this.score = new Range(byId("score"), { ...said, show: (value) => number(value, 2) });
    // Areas from a thousandth of a percent on: most objects are small, so the root is even.
    this.area = new Range(byId("area"), {
      ...{ name: "Size", step: 0.01, least: 0, most: 1, changed },
      show: (value) => percent(value ** 3),
    });
  }

  /** Whether an object passes the filters; `classes` too unless it is told otherwise. */
  passes(object, classes = true) {
    const chosen = this.state.classes;
    const [least, most] = this.limits.score;
    const [small, large] = this.limits.area;
    return (
      object.score >= least &&
      object.score <= most &&
      object.area >= small &&
      object.area <= large &&
      (!classes || !chosen.size || chosen.has(object.class))
    );
  }

  show() {
    this.limits = { score: this.score.value, area: this.area.value.map((value) => value ** 3) };
    if (this.limits.area[0] === -Infinity) this.limits.area[0] = 0;
    this.passed = this.photos.map((photo) => photo.found.filter((object) => this.passes(object)));
    this.showClasses();
    this.showKinds();
    this.showPhotos();
    this.lightbox.draw();
  }

  showClasses() {
    const { classes } = this.state;
    const counts = new Map();
    for (const photo of this.photos) {
      for (const object of photo.found) {
        const more = this.passes(object, false) ? 1 : 0;
        counts.set(object.class, (counts.get(object.class) ?? 0) + more);
      }
    }
    const rows = [...counts].sort((one, other) => other[1] - one[1] || one[0] - other[0]);
    const chips = rows.map(([classId, count]) =>
      chip(this.names[classId], {
        key: classId,
        count,
        color: this.facts.colors[classId],
        pressed: classes.has(classId),
        press: () => {
          if (!classes.delete(classId)) classes.add(classId);
          this.update();
        },
      }),
    );
    replaceChips(byId("classes"), chips);
  }

  showKinds() {
    const { state } = this;
    const without = this.passed.filter((objects) => !objects.length).length;
    const press = (empty) => () => {
      state.empty = state.empty === empty ? false : empty;
      this.update();
    };
    replaceChips(byId("kinds"), [
      chip("With objects", { key: "with", count: this.photos.length - without, pressed: state.empty === "without", press: press("without") }),
      chip("Without", { key: "without", count: without, pressed: state.empty === "only", press: press("only") }),
    ]);
  }

  showPhotos() {
    const { state } = this;
    const limited = this.photos.some((photo) => this.passed[photo.index].length < photo.found.length);
    const chosen = this.photos.filter((photo) => {
      const some = this.passed[photo.index].length > 0;
      if (state.name && !photo.path.toLowerCase().includes(state.name)) return false;
      if (state.empty === "only") return !some;
      return some || !(state.empty || state.classes.size || limited);
    });
    const orders = {
      uncertain: (one, other) => other.uncertainty - one.uncertainty || one.index - other.index,
      many: (one, other) => this.passed[other.index].length - this.passed[one.index].length || one.index - other.index,
      name: (one, other) => one.path.localeCompare(other.path, undefined, { numeric: true }),
      run: (one, other) => one.index - other.index,
    };
    chosen.sort(orders[state.order]);
    this.gallery.show(chosen);
    const objects = chosen.reduce((sum, photo) => sum + this.passed[photo.index].length, 0);
    const each = chosen.length ? objects / chosen.length : NaN;
    const figures = [
      ["Objects", objects.toLocaleString("en")],
      ["Photos", chosen.length.toLocaleString("en")],
      ["Each", number(each, 1)],
    ];
    byId("figures").replaceChildren(
      ...figures.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, element("b", {}, value)))),
    );
    byId("shown").textContent = `${chosen.length} of ${counted(this.photos.length, "photo")}`;
  }

  // -- One photo ----------------------------------------------------------------------------

  objects(photo) {
    const many = this.names.length > 2;
    return this.passed[photo.index].map((object, index) => ({
      ...object,
      id: `found ${index}`,
      layer: "found",
      color: this.facts.colors[object.class],
      label: (many ? `${this.names[object.class]} ` : "") + number(object.score, 2),
    }));
  }

  caption(photo) {
    const counts = new Map();
    for (const object of this.passed[photo.index]) counts.set(object.class, (counts.get(object.class) ?? 0) + 1);
    const parts = [...counts].map(([classId, count]) => {
      const mark = element("span", { class: "mark" });
      mark.style.background = this.facts.colors[classId];
      return element("span", { class: "count" }, mark, `${count} ${this.names[classId]}`);
    });
    return parts.length ? parts : [element("span", { class: "quiet" }, "nothing")];
  }

  rows(photo) {
    return this.passed[photo.index].map((object, index) => ({
      ids: [`found ${index}`],
      color: this.facts.colors[object.class],
      text: `${this.names[object.class]} ${number(object.score, 3)}`,
      detail: `${percent(object.area)} of the photo`,
    }));
  }
}

addEventListener("DOMContentLoaded", () => new PredictionsPage());
