// Leaves a page whose login is over, be it that it was ended from elsewhere. Without this the next click finds out.

const WAIT = 30_000;
// From this script's own address, which has the path that the site is mounted at.
const EVENTS = new URL("../events", document.currentScript.src);
let events;
let retry;

function listen() {
  stop();
  // A tab that nobody sees needs no connection, of which browsers open only a few to a site.
  if (document.hidden) return;
  events = new EventSource(EVENTS);
  // The same page once more: the site sends whoever may not see it any longer to sign in, and back afterwards.
  events.addEventListener("ended", () => {
    stop();
    location.replace(location.pathname + location.search);
  });
  events.addEventListener("error", () => {
    // After a connection that broke, the browser tries again by itself; after an answer that is an error, it does not.
    if (events.readyState === EventSource.CLOSED) retry = setTimeout(listen, WAIT);
  });
}

function stop() {
  clearTimeout(retry);
  events?.close();
}

document.addEventListener("visibilitychange", listen);
// A form that ends the login, "Sign out" for one, leads on by itself.
document.addEventListener("submit", stop);
listen();
