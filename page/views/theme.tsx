import { useEffect, useState } from "preact/hooks";

const themes = ["system", "light", "dark"] as const;
type Theme = (typeof themes)[number];

const key = "pgsite-colours";

/** As the system has it, unless somebody chose; the choice is kept where the browser keeps anything for this page. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(kept);
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  const choose = (value: string) => {
    const chosen = themes.find((each) => each === value) ?? "system";
    setTheme(chosen);
    keep(chosen);
  };
  return (
    <label class="theme">
      Colours{" "}
      <select value={theme} onChange={(event) => choose(event.currentTarget.value)}>
        {themes.map((each) => (
          <option key={each} value={each}>
            {each === "system" ? "as the system" : each}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A browser may keep nothing for a file, and says so by throwing. */
function kept(): Theme {
  try {
    const value = localStorage.getItem(key);
    return themes.find((each) => each === value) ?? "system";
  } catch {
    return "system";
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    // It then holds until the page is left.
  }
}
