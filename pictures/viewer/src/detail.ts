// On machines that draw slowly, moving pictures are coarse; as soon as nothing moves they are drawn finely.

const kSlow = 80; // milliseconds between two frames
const kStill = 1000; // a longer pause is no frame
const kFirst = 12; // frames at the beginning do not count: they prepare
const kPatience = 3; // slow frames in a row
const kRest = 250; // milliseconds without a frame until the fine one

export class Detail {
  private frames = 0;
  private slow_frames = 0;
  private slow = false;
  private timer = 0;
  private resting = false;

  constructor(private readonly repaint: () => void) {}

  /** Asked once a frame with the time since the last one, in milliseconds. */
  coarse_now(since_last: number): boolean {
    if (this.resting) {
      this.resting = false;
      return false;
    }
    if (++this.frames > kFirst && since_last < kStill) this.slow_frames = since_last > kSlow ? this.slow_frames + 1 : 0;
    this.slow ||= this.slow_frames >= kPatience;
    if (!this.slow) return false;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.resting = true;
      this.repaint();
    }, kRest);
    return true;
  }
}
