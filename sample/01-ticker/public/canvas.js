/** Fits the canvas to its box on the screen, in device pixels, so that lines are sharp. @returns its size in CSS pixels */
export function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio || 1;
  // Setting the size clears and reallocates the canvas, so only when it changed.
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** A colour of style.css, light or dark as the page is now. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Lines through the points, and the area between them and `floor`. */
export function drawArea(context, points, floor, stroke, fill) {
  if (points.length < 2) return;
  context.beginPath();
  for (const { x, y } of points) context.lineTo(x, y);
  context.strokeStyle = stroke;
  context.lineWidth = 1.5;
  context.lineJoin = 'round';
  context.stroke();
  context.lineTo(points.at(-1).x, floor);
  context.lineTo(points[0].x, floor);
  context.fillStyle = fill;
  context.fill();
}
