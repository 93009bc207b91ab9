"use strict";

// What Swagger UI leaves out for those who can't see it.
const readAloud = ({ React }) => ({
  components: {
    // An operation's path stands in the button that unfolds it, and there is no link within a button.
    DeepLink: ({ text }) => React.createElement("span", null, text),
  },
  wrapComponents: {
    // The word that is read out is the one that is seen.
    Button: (Original) => ({ "aria-label": label, ...props }) =>
      React.createElement(Original, typeof props.children === "string" ? props : { "aria-label": label, ...props }),
    CloseIcon: (Original) => (props) =>
      React.createElement(Original, { ...props, role: "img", "aria-label": "Close", "aria-hidden": false }),
    TextArea: (Original) => (props) => React.createElement(Original, { "aria-label": "Body of the request", ...props }),
  },
});

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  plugins: [readAloud],
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: false, // a token lasts as long as the page
  syntaxHighlight: false, // its colours are too pale
  tryItOutEnabled: true,
  validatorUrl: null, // asks nobody else whether the description is right
});
