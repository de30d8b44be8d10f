// VirtualList shows a long list of rows in the page's own flow, of which only
// those near the window exist. All rows have one height (--row in the style
// sheet); an item that is open has a panel below its row, as high as it likes.

class VirtualList {
  // render(item, index) makes the row of an item, panel(item) what is below it
  // while it is open.
  constructor(box, render, panel) {
    this.box = box;
    this.render = render;
    this.panel = panel;
    this.items = [];
    this.open = new Set();
    this.opened = []; // the open items among all, with their indexes
    this.heights = new Map(); // of panels, as they were measured last
    this.nodes = new Map();
    this.from = this.to = 0;
    this.width = 0;
    this.update = this.update.bind(this);
    addEventListener("scroll", this.update, { passive: true });
    new ResizeObserver(() => this.fit() && this.refresh()).observe(box);
  }

  // show replaces the items. Rows are made anew, as what they show may differ.
  show(items) {
    this.items = items;
    this.fit();
    this.refresh();
  }

  refresh() {
    this.nodes.clear();
    this.from = this.to = 0;
    this.place();
    this.update();
  }

  // fit learns the height of rows at the width that the list has, and reports
  // whether that width is another.
  fit() {
    const width = this.box.clientWidth;
    if (width === 0 || width === this.width) return false;
    this.width = width;
    this.rowHeight = parseFloat(getComputedStyle(this.box).getPropertyValue("--row"));
    this.heights.clear();
    return true;
  }

  toggle(item, open = !this.open.has(item)) {
    if (open) this.open.add(item);
    else this.open.delete(item);
    this.nodes.delete(item);
    this.place();
    this.from = this.to = 0;
    this.update();
  }

  // place finds the open items, which are few, among all.
  place() {
    this.opened = [];
    if (this.open.size === 0) return;
    this.items.forEach((item, index) => {
      if (this.open.has(item)) this.opened.push({ item, index });
    });
  }

  panelHeight(item) {
    return this.heights.get(item) ?? 300; // until it is measured
  }

  // top is where the row with this index begins, in pixels from the first.
  top(index) {
    let top = index * this.rowHeight;
    for (const { item, index: at } of this.opened) {
      if (at < index) top += this.panelHeight(item);
    }
    return top;
  }

  indexAt(y) {
    let above = 0; // height of the panels before
    for (const { item, index } of this.opened) {
      const bottom = (index + 1) * this.rowHeight + above;
      if (y < bottom) break;
      above += this.panelHeight(item);
      if (y < bottom + this.panelHeight(item)) return index;
    }
    return Math.floor((y - above) / this.rowHeight);
  }

  update() {
    if (!this.rowHeight || !this.box.isConnected || this.box.clientWidth === 0) return;
    const spare = 8; // rows beyond either edge of the window
    const windowTop = -this.box.getBoundingClientRect().top;
    const clamp = (index) => Math.min(Math.max(index, 0), this.items.length);
    const from = clamp(this.indexAt(windowTop) - spare);
    const to = clamp(this.indexAt(windowTop + innerHeight) + 1 + spare);
    if (from === this.from && to === this.to && this.items.length > 0) return;
    this.from = from;
    this.to = to;
    this.draw();
    if (this.measure()) this.update();
    this.pad();
  }

  draw() {
    const nodes = new Map();
    for (let index = this.from; index < this.to; index++) {
      const item = this.items[index];
      nodes.set(item, this.nodes.get(item) ?? this.nodesOf(item, index));
    }
    this.nodes = nodes;
    this.box.replaceChildren(...[...nodes.values()].flat());
  }

  nodesOf(item, index) {
    const row = this.render(item, index);
    return this.open.has(item) ? [row, this.panel(item, index)] : [row];
  }

  // measure learns the heights of the panels that are there, and reports
  // whether one was not known.
  measure() {
    let changed = false;
    for (const { item } of this.opened) {
      const panel = this.nodes.get(item)?.[1];
      if (!panel || this.heights.get(item) === panel.offsetHeight) continue;
      this.heights.set(item, panel.offsetHeight);
      changed = true;
    }
    if (changed) this.from = this.to = -1;
    return changed;
  }

  pad() {
    this.box.style.paddingTop = `${this.top(this.from)}px`;
    this.box.style.paddingBottom = `${this.top(this.items.length) - this.top(this.to)}px`;
  }

  // lead scrolls until the row with this index is the first one in sight.
  lead(index, covered) {
    scrollBy({ top: this.box.getBoundingClientRect().top + this.top(index) - covered, behavior: "instant" });
    this.update();
  }

  // reveal scrolls until the row with this index is in sight, below what stays
  // at the top of the window.
  reveal(index, covered) {
    const top = this.box.getBoundingClientRect().top + this.top(index);
    const bottom = top + this.rowHeight;
    if (top < covered) scrollBy({ top: top - covered, behavior: "instant" });
    else if (bottom > innerHeight) scrollBy({ top: bottom - innerHeight + this.rowHeight, behavior: "instant" });
    this.update();
  }
}
