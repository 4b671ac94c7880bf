// On machines that draw slowly, moving pictures are coarse; as soon as nothing moves they are drawn finely.

const kSlow = 80; // milliseconds from a fine frame to the next
const kStill = 1000; // a longer pause is no frame
const kFirst = 12; // frames at the beginning do not count: they prepare
const kPatience = 3; // fine frames in a row until the machine is judged anew
const kRest = 250; // milliseconds without a frame until the fine one

export class Detail {
  private frames = 0;
  private contrary = 0; // fine frames in a row against the judgement
  private slow = false;
  private timer = 0;
  private resting = false;

  constructor(private readonly repaint: () => void) {}

  /** Asked once a frame, with its time in milliseconds. */
  coarse_now(now: number): boolean {
    if (this.slow && !this.resting) {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => {
        this.resting = true;
        this.repaint();
      }, kRest);
      return true;
    }
    this.resting = false;
    requestAnimationFrame((next) => this.judge(next - now));
    return false;
  }

  /** By how long the browser took for a fine frame, however long the reader waits with the next. */
  private judge(took: number): void {
    if (++this.frames <= kFirst || took >= kStill) return;
    this.contrary = took > kSlow === this.slow ? 0 : this.contrary + 1;
    if (this.contrary < kPatience) return;
    this.slow = !this.slow;
    this.contrary = 0;
  }
}
