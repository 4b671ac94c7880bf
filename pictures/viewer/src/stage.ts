// The one WebGL context of the page. Panels copy its picture, so that any number of them can be shown.

import { Camera, ColorManagement, LinearSRGBColorSpace, type Scene, WebGLRenderer } from 'three';

function new_context(antialias: boolean): WebGL2RenderingContext | null {
  return document.createElement('canvas').getContext('webgl2', { alpha: true, antialias, premultipliedAlpha: true });
}

/** Whether there is no graphics processor: then smoothing every frame's edges halves the speed. */
function drawn_by_processor(gl: WebGL2RenderingContext): boolean {
  const plain = String(gl.getParameter(gl.RENDERER));
  const info = plain.startsWith('WebKit') ? gl.getExtension('WEBGL_debug_renderer_info') : null; // Firefox says it at once
  const name = info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : plain;
  return /swiftshader|llvmpipe|softpipe|basic render/i.test(name);
}

export class Stage {
  readonly canvas: HTMLCanvasElement;
  private readonly renderer: WebGLRenderer;
  private readonly camera = new Camera(); // the shaders have their own matrices
  private width = 0;
  private height = 0;

  /** null: this browser has no WebGL2. */
  static create(on_restored: () => void): Stage | null {
    const smooth = new_context(true);
    if (!smooth) return null;
    const by_processor = drawn_by_processor(smooth);
    const context = by_processor ? (new_context(false) ?? smooth) : smooth;
    (context.canvas as HTMLCanvasElement).addEventListener('webglcontextrestored', on_restored);
    return new Stage(context, by_processor ? 1.5 : 1);
  }

  /** `samples`: pixels to draw per pixel of a still picture and direction. */
  private constructor(
    context: WebGL2RenderingContext,
    readonly samples: number,
  ) {
    this.canvas = context.canvas as HTMLCanvasElement;
    ColorManagement.enabled = false; // colours are sRGB as they are
    this.renderer = new WebGLRenderer({ canvas: this.canvas, context, alpha: true, premultipliedAlpha: true });
    this.renderer.outputColorSpace = LinearSRGBColorSpace;
    this.renderer.setClearColor(0, 0);
    this.renderer.sortObjects = false;
    this.renderer.setScissorTest(true);
    this.camera.matrixWorldAutoUpdate = false;
  }

  /** Draws into the top left corner of `canvas`; width and height in device pixels. */
  draw(scene: Scene, width: number, height: number): void {
    if (width > this.width || height > this.height) {
      this.width = Math.max(width, this.width);
      this.height = Math.max(height, this.height);
      this.renderer.setSize(this.width, this.height, false);
    }
    const bottom = this.height - height;
    this.renderer.setViewport(0, bottom, width, height);
    this.renderer.setScissor(0, bottom, width, height);
    this.renderer.render(scene, this.camera);
  }
}
