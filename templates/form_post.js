// Presses the only button of the page that carries an answer to a portal.
document.getElementById("form-post").requestSubmit();
