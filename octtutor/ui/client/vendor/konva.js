export { Konva } from "konva/lib/Core.js";
import "konva/lib/shapes/Rect.js";
import "konva/lib/shapes/Ellipse.js";
import "konva/lib/shapes/Circle.js";
import "konva/lib/shapes/Line.js";
import "konva/lib/shapes/Image.js";
import "konva/lib/shapes/Text.js";
import "konva/lib/shapes/Transformer.js";
