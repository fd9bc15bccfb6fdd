// Drives graphql-ws against a server, and prints what it sees as lines of JSON.
// usage: node client.mjs SCENARIO URL TOKEN

import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { createClient } = require('graphql-ws');

const [scenario, url, token] = process.argv.slice(2);
const SHOP = { query: '{ shop { handle } }' };
const COUNT = { query: 'subscription { segmentSize(rule: { all: [] }) { members } }' };

const say = (what) => console.log(JSON.stringify(what));
const params = { authorization: `Bearer ${token}` };
const connect = (connectionParams = params) =>
  createClient({
    url,
    connectionParams,
    retryAttempts: 0,
    on: { closed: ({ code, reason }) => say({ closed: code, reason }) },
  });

/** What an operation answers, one by one; errors that end it are said. */
async function follow(client, payload, seen = say) {
  try {
    for await (const result of client.iterate(payload)) {
      if (seen(result) === false) break;
    }
    say('complete');
  } catch (error) {
    // A close of the connection is said when it happens.
    if (Array.isArray(error)) say({ errors: error });
  }
}

const scenarios = {
  /** Operations of each kind one after the other; the client leaves once it has none. */
  async operations() {
    const client = connect();
    const mutation = 'mutation { contactsUpsert(contacts: [{ id: "1" }]) { recorded } }';
    for (const payload of [SHOP, { query: mutation }, { query: '{ nothing }' }, SHOP]) {
      await follow(client, payload);
    }
  },
  /** Two sizes of a subscription, which the client then ends; the connection serves on. */
  async subscription() {
    const client = connect();
    let count = 0;
    await follow(client, COUNT, (result) => {
      say(result);
      return ++count < 2;
    });
    await follow(client, SHOP);
  },
  /** A subscription for as long as the server lets it. */
  async staying() {
    await follow(connect(), COUNT);
  },
  /** Nobody shows a token. */
  async silent() {
    await follow(connect(() => new Promise(() => {})), SHOP);
  },
  /** More operations at once than there may be. */
  async many() {
    const client = connect();
    const ends = [];
    for (let n = 0; n < 3; n++) {
      ends.push(
        client.subscribe(COUNT, {
          next: () => say('next'),
          error: (errors) => {
            say({ errors });
            for (const end of ends) end();
          },
          complete: () => {},
        }),
      );
    }
  },
};

await scenarios[scenario]();
