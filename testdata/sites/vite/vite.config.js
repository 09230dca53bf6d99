export default {
  build: {
    rollupOptions: { input: ["index.html", "about.html"] },
    sourcemap: true,
  },
};
