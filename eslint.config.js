import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["octtutor/ui/client/vendor/"] },
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      complexity: ["error", 8], // the bound that ruff holds for Python
      eqeqeq: "error",
      "max-depth": ["error", 3],
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  { files: ["tests/client/**"], languageOptions: { globals: { ...globals.node } } },
];
