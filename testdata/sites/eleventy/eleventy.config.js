export default function (eleventy) {
  eleventy.addPassthroughCopy("assets");
  return { dir: { input: ".", output: "_site" }, markdownTemplateEngine: "njk" };
}
