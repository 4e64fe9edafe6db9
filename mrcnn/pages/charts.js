// Curves in a square from 0 to 1, which answer to the mouse.

const MARGIN = { left: 34, right: 10, top: 8, bottom: 32 };
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];

class Chart {
  /**
   * @param names of the axes, `x` and `y`.
   * @param say makes the lines of the tip, `[color, text]` each, of the place (x, y) under the
   *   mouse; it returns `{ x, y, lines, threshold }`, the point to mark, or null.
   * @param choose takes the threshold of the place that is clicked.
   */
  constructor(parent, names, say, choose) {
    Object.assign(this, { parent, names, say, choose, series: [], mark: null, line: null });
    parent.classList.add("plot");
    this.tip = element("div", { class: "tip", hidden: true });
    this.redraw = beforeNextFrame(() => this.draw());
    new ResizeObserver(this.redraw).observe(parent);
    parent.addEventListener("pointermove", (event) => this.point(event));
    parent.addEventListener("pointerdown", (event) => this.point(event));
    parent.addEventListener("pointerleave", () => this.leave());
    parent.addEventListener("click", () => {
      if (this.pointed) this.choose(this.pointed.threshold);
    });
  }

  /** Show lines `{ points: [[x, y], ..], color, strong }`, a point `mark` and an upright `line`. */
  show(series, { mark = null, line = null }) {
    Object.assign(this, { series, mark, line });
    this.redraw();
  }

  across(x) {
    return MARGIN.left + x * (this.width - MARGIN.left - MARGIN.right);
  }

  up(y) {
    return this.height - MARGIN.bottom - y * (this.height - MARGIN.top - MARGIN.bottom);
  }

  draw() {
    this.width = this.parent.clientWidth;
    this.height = this.parent.clientHeight;
    if (!this.width) return;
    const drawing = shape("svg", { width: this.width, height: this.height, role: "img" });
    drawing.setAttribute("aria-label", `${this.names.y} over ${this.names.x}`);
    const text = (x, y, words, attributes = {}) =>
      drawing.append(shape("text", { x, y, ...attributes }, words));
    const line = (x1, y1, x2, y2, name) =>
      drawing.append(shape("line", { x1, y1, x2, y2, class: name }));
    for (const tick of TICKS) {
      line(this.across(0), this.up(tick), this.across(1), this.up(tick), "grid");
      line(this.across(tick), this.up(0), this.across(tick), this.up(1), "grid");
      text(this.across(0) - 6, this.up(tick) + 4, tick, { "text-anchor": "end" });
      text(this.across(tick), this.up(0) + 15, tick, { "text-anchor": "middle" });
    }
    text(this.across(0.5), this.height - 3, this.names.x, { "text-anchor": "middle" });
    for (const { points, color, strong } of this.series) {
      const path = this.path(points);
      if (!path) continue;
      const drawn = shape("path", { d: path, class: strong ? "curve strong" : "curve" });
      drawn.style.stroke = color;
      drawing.append(drawn);
    }
    if (this.line !== null) {
      line(this.across(this.line), this.up(0), this.across(this.line), this.up(1), "now");
    }
    if (this.mark) {
      const [cx, cy] = [this.across(this.mark[0]), this.up(this.mark[1])];
      drawing.append(shape("circle", { cx, cy, r: 5, class: "now" }));
    }
    this.cross = shape("circle", { r: 4, class: "pointed", visibility: "hidden" });
    drawing.append(this.cross);
    this.parent.replaceChildren(drawing, this.tip);
  }

  /** A line through points; where one is not a number the line is broken. */
  path(points) {
    let path = "";
    let pen = "M";
    let last = null;
    for (const [x, y] of points) {
      if (Number.isNaN(x) || Number.isNaN(y)) {
        pen = "M";
        continue;
      }
      const place = `${this.across(x).toFixed(1)} ${this.up(y).toFixed(1)}`;
      if (place !== last) path += pen + place;
      last = place;
      pen = "L";
    }
    return path;
  }

  point(event) {
    const frame = this.parent.getBoundingClientRect();
    const left = event.clientX - frame.left;
    const top = event.clientY - frame.top;
    const inner = this.width - MARGIN.left - MARGIN.right;
    const x = Math.max(0, Math.min(1, (left - MARGIN.left) / inner));
    const y = (this.height - MARGIN.bottom - top) / (this.height - MARGIN.top - MARGIN.bottom);
    this.pointed = this.say(x, y, this.width / this.height);
    if (!this.pointed || !this.cross) return this.leave();
    const { lines } = this.pointed;
    this.cross.setAttribute("cx", this.across(this.pointed.x));
    this.cross.setAttribute("cy", this.up(this.pointed.y));
    this.cross.setAttribute("visibility", "visible");
    this.tip.replaceChildren(
      ...lines.map(([color, words]) => {
        const mark = element("span", { class: "mark", hidden: !color });
        if (color) mark.style.background = color;
        return element("div", {}, mark, words);
      }),
    );
    this.tip.hidden = false;
    const width = this.tip.offsetWidth;
    const beside = left + 14 + width > this.width ? left - 14 - width : left + 14;
    this.tip.style.left = `${Math.max(0, beside)}px`;
    this.tip.style.top = `${Math.max(0, Math.min(top, this.height - this.tip.offsetHeight))}px`;
    return undefined;
  }

  leave() {
    this.pointed = null;
    this.tip.hidden = true;
    this.cross?.setAttribute("visibility", "hidden");
  }
}
