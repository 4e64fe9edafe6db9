// The page of an evaluation.

const KINDS = {
  missed: "Missed",
  false: "False",
  poor: "Poor mask",
  wrong_class: "Wrong class",
  right: "Right",
};
// For the tiles, where all must stand in a line.
const SHORT = { missed: "missed", false: "false", poor: "poor", wrong_class: "class", right: "right" };
const ORDERS = {
  worst: "worst first",
  overlap: "least overlap first",
  name: "by name",
};
// Lines of this many classes can be told apart; of more only the chosen one is drawn.
const MOST_LINES = 20;

class EvaluationPage {
  constructor() {
    this.facts = embedded("facts");
    this.photos = readPhotos();
    this.summary = this.facts.summary;
    this.names = this.facts.class_names;
    this.curves = this.names.map((_, classId) => new Curve(this.photos, classId));
    this.state = { threshold: this.facts.threshold, classId: 0, kind: null, order: "worst", name: "" };
    this.state.sorted = { column: 0, falling: true };
    if (this.facts.compared === "box") KINDS.poor = "Poor box";
    this.update = beforeNextFrame(() => this.show());

    showPhotosOf(this, ORDERS);
    this.layers = new Layers(byId("layers"), Object.keys(LAYERS), () => this.update());
    listenToKeys(this.lightbox, this.layers, {
      "+": ["a higher threshold", () => this.step(0.01)],
      "-": ["a lower threshold", () => this.step(-0.01)],
    });
    this.above();
    this.controls();
    this.show();
  }

  // -- What stands still --------------------------------------------------------------------

  above() {
    const { summary, facts } = this;
    const { objects } = summary.overall;
    byId("about").textContent = [
      facts.weights,
      facts.subset && `subset ${facts.subset}`,
      counted(summary.images, "photo"),
      counted(objects, "object"),
      `a detection is right from ${facts.compared} IoU ${facts.iou_threshold}`,
    ]
      .filter(Boolean)
      .join(" · ");
    const kinds = ["mask", "box"].filter((kind) => kind in summary);
    const cell = (value) => element("td", {}, number(value));
    const big = element("table", { class: "ap" });
    big.append(
      element("thead", {}, element("tr", {}, element("th"), ...kinds.map((kind) => element("th", {}, kind)))),
    );
    const body = element("tbody");
    for (const key of Object.keys(summary.box)) {
      const main = ["AP", "AP50", "AP75"].includes(key);
      const name = key.replace(/(small|medium|large)/, " $1");
      body.append(
        element("tr", { class: main ? "main" : "" }, element("th", {}, name), ...kinds.map((kind) => cell(summary[kind][key]))),
      );
    }
    big.append(body);
    byId("ap").append(big);
    if (this.names.length < 3) byId("confusions").remove();
  }

  controls() {
    const threshold = byId("threshold");
    threshold.addEventListener("input", () => this.move(Number(threshold.value)));
    const best = byId("best");
    best.addEventListener("click", () => this.move(this.best()));
    this.curve = new Chart(byId("curve"), { x: "recall", y: "precision" }, (...at) => this.onCurve(...at), (t) => this.move(t));
    this.over = new Chart(byId("over"), { x: "threshold", y: "precision, recall, F1" }, (x) => this.onThreshold(x), (t) => this.move(t));
  }

  /** The threshold of the best F1 of what is chosen, as the evaluation tells it. */
  best() {
    const { classId } = this.state;
    const row = classId ? this.summary.classes[classId - 1] : this.summary.overall;
    return row.threshold ?? this.facts.threshold;
  }

  step(by) {
    this.move(Math.round(100 * (this.state.threshold + by)) / 100);
  }

  move(threshold) {
    this.state.threshold = Math.max(0, Math.min(1, threshold));
    this.update();
  }

  choose(classId) {
    this.state.classId = this.state.classId === classId ? 0 : classId;
    this.update();
  }

  // -- What follows the threshold -----------------------------------------------------------

  show() {
    const { state } = this;
    this.verdicts = this.photos.map((photo) => judge(photo, state.threshold));
    this.counts = this.photos.map((photo) => countKinds(photo, this.verdicts[photo.index], state.classId));
    this.showFigures();
    this.showCurves();
    this.showClasses();
    this.showConfusions();
    this.showKinds();
    this.showPhotos();
    this.lightbox.draw();
  }

  showFigures() {
    const { threshold, classId } = this.state;
    byId("threshold").value = threshold;
    byId("at").textContent = number(threshold);
    byId("best").textContent = `Best F1: ${number(this.best())}`;
    const { precision, recall, f1, hits, detections, objects } = this.curves[classId].at(threshold);
    const figures = [
      ["Precision", number(precision), `${hits} of ${counted(detections, "detection")} right`, "precision"],
      ["Recall", number(recall), `${hits} of ${counted(objects, "object")} found`, "recall"],
      ["F1", number(f1), "", "f1"],
    ];
    byId("figures").replaceChildren(
      ...figures.map(([name, value, detail, id]) =>
        element("div", { class: id }, element("dt", {}, name), element("dd", {}, element("b", {}, value), element("small", { class: "quiet" }, detail))),
      ),
    );
  }

  /** The classes whose lines are drawn, the chosen one last. */
  lines() {
    const { classId } = this.state;
    const all = this.names.map((_, index) => index).filter((index) => this.curves[index].objects);
    const few = all.length <= MOST_LINES + 1;
    return all.filter((index) => index !== classId && index > 0 && few && this.names.length > 2).concat(classId);
  }

  color(classId) {
    return classId ? this.facts.colors[classId] : "var(--ink)";
  }

  className(classId) {
    return classId ? this.names[classId] : "All classes";
  }

  points(classId) {
    this.made ??= new Map();
    if (!this.made.has(classId)) this.made.set(classId, this.curves[classId].points());
    return this.made.get(classId);
  }

  showCurves() {
    const { classId, threshold } = this.state;
    const now = this.curves[classId].at(threshold);
    const lines = this.lines().map((index) => ({
      points: this.points(index).map(({ recall, precision }) => [recall, precision]),
      color: this.color(index),
      strong: index === classId,
    }));
    this.curve.show(lines, { mark: now.detections && now.objects ? [now.recall, now.precision] : null });
    const grid = Array.from({ length: 401 }, (_, index) => index / 400);
    const at = grid.map((value) => this.curves[classId].at(value));
    const series = ["precision", "recall", "f1"].map((name) => ({
      points: grid.map((value, index) => [value, at[index][name]]),
      color: `var(--${name})`,
      strong: true,
    }));
    this.over.show(series, { line: threshold });
  }

  onCurve(x, y, aspect) {
    let near = null;
    let least = Infinity;
    for (const index of this.lines()) {
      for (const point of this.points(index)) {
        const away = Math.hypot((point.recall - x) * aspect, point.precision - y);
        if (away < least) [near, least] = [{ index, ...point }, away];
      }
    }
    if (!near) return null;
    const { index, threshold, precision, recall, f1 } = near;
    const lines = [
      [this.color(index), this.className(index)],
      [null, `precision ${number(precision)}`],
      [null, `recall ${number(recall)}`],
      [null, `F1 ${number(f1)}`],
      [null, `threshold ${number(threshold)}`],
    ];
    return { x: recall, y: precision, threshold, lines };
  }

  onThreshold(x) {
    const figures = this.curves[this.state.classId].at(x);
    const lines = [
      [null, `threshold ${number(x)}`],
      ["var(--precision)", `precision ${number(figures.precision)}`],
      ["var(--recall)", `recall ${number(figures.recall)}`],
      ["var(--f1)", `F1 ${number(figures.f1)}`],
      [null, counted(figures.detections, "detection")],
    ];
    return { x, y: figures.f1 || 0, threshold: x, lines };
  }

  showClasses() {
    const { threshold, classId } = this.state;
    const kinds = ["mask", "box"].filter((kind) => kind in this.summary);
    const averages = kinds.flatMap((kind) => ["AP", "AP50"].map((name) => [`${kind} ${name}`, `${kind}_${name}`]));
    const head = ["Class", "Objects", "Found", "False", ...averages.map(([name]) => name), "Precision", "Recall", "F1", "Best threshold"];
    const valued = this.summary.classes.map((row) => {
      const { hits, detections, precision, recall, f1 } = this.curves[row.class_id].at(threshold);
      const averaged = averages.map(([, key]) => row[key]);
      return [row, [row.objects, hits, detections - hits, ...averaged, precision, recall, f1, row.threshold]];
    });
    const { column, falling } = this.state.sorted;
    // What is no number comes last, whichever way.
    const worth = ([, values]) => (Number.isFinite(values[column - 1]) ? values[column - 1] : falling ? -Infinity : Infinity);
    const compare = (one, other) => (one === other ? 0 : one < other === falling ? 1 : -1);
    if (column) valued.sort((one, other) => compare(worth(one), worth(other)));
    const rows = valued.map(([row, values]) => {
      const mark = element("span", { class: "mark" });
      mark.style.background = this.facts.colors[row.class_id];
      const chosen = row.class_id === classId;
      const name = element(
        "button",
        { type: "button", class: "plain", "aria-pressed": chosen, onclick: () => this.choose(row.class_id) },
        mark,
        row.name,
      );
      name.dataset.key = row.class_id;
      const cells = values.map((value, index) => element("td", {}, index < 3 ? value : number(value)));
      return element("tr", { class: chosen ? "chosen" : "" }, element("th", {}, name), ...cells);
    });
    const heads = head.map((name, index) => {
      const order = index && index === column ? (falling ? "descending" : "ascending") : null;
      const arrow = { descending: " ↓", ascending: " ↑" }[order] ?? "";
      const press = () => {
        this.state.sorted = { column: index, falling: index === column ? !falling : true };
        this.update();
      };
      return element("th", { "aria-sort": order }, element("button", { type: "button", "data-key": `head ${index}`, onclick: press }, name + arrow));
    });
    const table = element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...rows),
    );
    const held = byId("table").contains(document.activeElement) ? document.activeElement.dataset.key : null;
    byId("table").replaceChildren(table);
    if (held) table.querySelector(`[data-key="${held}"]`)?.focus();
  }

  showConfusions() {
    if (!byId("confusions")) return;
    const times = new Map();
    for (const photo of this.photos) {
      const { detections, partners } = this.verdicts[photo.index];
      detections.forEach((kind, index) => {
        if (kind !== "wrong_class") return;
        const key = `${photo.annotated[partners[index]].class} ${photo.found[index].class}`;
        times.set(key, (times.get(key) ?? 0) + 1);
      });
    }
    const rows = [...times].sort((one, other) => other[1] - one[1]).slice(0, 20);
    byId("taken").replaceChildren(
      rows.length
        ? element(
            "table",
            {},
            element("thead", {}, element("tr", {}, ...["Object", "Detected as", "Times"].map((name) => element("th", {}, name)))),
            element(
              "tbody",
              {},
              ...rows.map(([key, count]) => {
                const [object, found] = key.split(" ").map(Number);
                return element("tr", {}, element("th", {}, this.names[object]), element("th", {}, this.names[found]), element("td", {}, count));
              }),
            ),
          )
        : element("p", { class: "quiet" }, "None at this threshold."),
    );
  }

  showKinds() {
    const { state } = this;
    const chips = Object.entries(KINDS).map(([kind, words]) =>
      chip(words, {
        key: kind,
        count: this.counts.reduce((sum, counts) => sum + counts[kind], 0),
        color: `var(--${kind})`,
        pressed: state.kind === kind,
        title: "Only photos with such",
        press: () => {
          state.kind = state.kind === kind ? null : kind;
          this.update();
        },
      }),
    );
    if (this.names.length < 3) chips.splice(3, 1);
    if (state.classId) {
      const press = () => this.choose(0);
      chips.unshift(chip(`${this.className(state.classId)} ✕`, { key: "class", pressed: true, color: this.color(state.classId), press }));
    }
    replaceChips(byId("kinds"), chips);
  }

  showPhotos() {
    const { kind, classId, order, name } = this.state;
    const concerned = (photo) => {
      const counts = this.counts[photo.index];
      if (name && !photo.path.toLowerCase().includes(name)) return false;
      if (kind) return counts[kind] > 0;
      return classId === 0 || Object.values(counts).some(Boolean);
    };
    const chosen = this.photos.filter(concerned);
    const weights = new Map(chosen.map((photo) => [photo, this.weight(photo)]));
    const overlaps = order === "overlap" && new Map(chosen.map((photo) => [photo, this.leastOverlap(photo)]));
    const orders = {
      worst: (one, other) => weights.get(other) - weights.get(one) || one.index - other.index,
      overlap: (one, other) => overlaps.get(one) - overlaps.get(other) || one.index - other.index,
      name: (one, other) => one.path.localeCompare(other.path, undefined, { numeric: true }),
    };
    chosen.sort(orders[order]);
    // The enlarged photo stays what it is, wherever its place is now.
    const { photo } = this.lightbox;
    this.gallery.show(chosen);
    if (this.lightbox.dialog.open && photo) {
      const place = chosen.indexOf(photo);
      if (place >= 0) this.lightbox.place = place;
      else this.lightbox.dialog.close();
    }
    const legend = "annotation dashed, predictions drawn through, in the colours above";
    byId("shown").textContent = `${chosen.length} of ${counted(this.photos.length, "photo")} · ${legend}`;
  }

  /** Photos come by it, falling: how often the chosen mistake was made, then all that is wrong. */
  weight(photo) {
    const { kind, classId } = this.state;
    const all = wrongness(photo, this.verdicts[photo.index], classId);
    return all + (kind && kind !== "right" ? 1e6 * this.counts[photo.index][kind] : 0);
  }

  leastOverlap(photo) {
    const { detections, overlaps } = this.verdicts[photo.index];
    const told = overlaps.filter((_, index) => detections[index] !== "ignored" && overlaps[index] !== null);
    return Math.min(2, ...told);
  }

  // -- One photo ----------------------------------------------------------------------------

  objects(photo) {
    const verdict = this.verdicts[photo.index];
    const many = this.names.length > 2;
    const drawn = photo.annotated.map((object, index) => ({
      ...object,
      id: `annotated ${index}`,
      layer: "annotated",
      kind: verdict.objects[index],
      label: many || object.crowd ? this.names[object.class] + (object.crowd ? " (crowd)" : "") : "",
    }));
    const below = this.layers.shown("below") ? photo.found : photo.found.slice(0, verdict.detections.length);
    below.forEach((object, index) => {
      const shown = index < verdict.detections.length;
      const name = many ? `${this.names[object.class]} ` : "";
      drawn.push({
        ...object,
        id: `found ${index}`,
        layer: shown ? "found" : "below",
        kind: shown ? verdict.detections[index] : "",
        label: name + number(object.score, 2),
      });
    });
    return drawn;
  }

  caption(photo) {
    const counts = this.counts[photo.index];
    const parts = Object.entries(SHORT)
      .filter(([kind]) => counts[kind])
      .map(([kind, word]) => {
        const mark = element("span", { class: "mark" });
        mark.style.background = `var(--${kind})`;
        return element("span", { class: "count", title: KINDS[kind] }, mark, `${counts[kind]} ${word}`);
      });
    return parts.length ? parts : [element("span", { class: "quiet" }, "nothing there, nothing found")];
  }

  rows(photo) {
    const verdict = this.verdicts[photo.index];
    const rows = verdict.detections.map((kind, index) => {
      const { class: classId, score } = photo.found[index];
      const partner = verdict.partners[index];
      const words = kind === "ignored" ? "Does not count" : KINDS[kind];
      const of = kind === "wrong_class" ? `, a ${this.names[photo.annotated[partner].class]}` : "";
      const overlap = verdict.overlaps[index] === null ? "" : ` · IoU ${number(verdict.overlaps[index], 2)}`;
      const ids = [`found ${index}`, `annotated ${partner}`];
      return { ids, kind, text: `${this.names[classId]} ${number(score, 3)}`, detail: `${words.toLowerCase()}${of}${overlap}` };
    });
    photo.annotated.forEach((object, index) => {
      if (verdict.objects[index] !== "missed") return;
      const closest = photo.found.findIndex((found, place) => place >= verdict.detections.length && found.object === index);
      const detail = closest < 0 ? "missed" : `missed · found from ${number(photo.found[closest].score, 3)}`;
      rows.push({ ids: [`annotated ${index}`], kind: "missed", text: this.names[object.class], detail });
    });
    const order = ["missed", "false", "wrong_class", "poor", "right", "ignored"];
    return rows.sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
  }
}

addEventListener("DOMContentLoaded", () => new EvaluationPage());
