/** Style sheets, which the bundler takes for what they do. */
declare module "*.css";
