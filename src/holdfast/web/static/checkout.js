// When the time is over: nothing is sent any more, the choice is kept, and the way to try again is shown.
document.addEventListener("over", () => {
  document.getElementById("over")?.removeAttribute("hidden");
  for (const button of document.querySelectorAll("#pay button")) button.disabled = true;
});
