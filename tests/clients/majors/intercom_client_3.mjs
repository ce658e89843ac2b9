// The requests of intercom-client 3, 4 and 5: HTTP Basic, and contacts of API 2.

import assert from "node:assert/strict";

const { Client } = (await import(process.env.CLIENT)).default;
const client = new Client({ tokenAuth: { token: process.env.SANDBOX_TOKEN } });
client.useRequestOpts({ baseURL: process.env.SANDBOX_URL });
const now = Math.floor(Date.now() / 1000);

const create = (userId) => client.events.create({ userId, eventName: "placed-order", createdAt: now });

/** Return status and code of what the client throws. */
async function refusalOf(promise) {
    const error = await promise.then(
        () => assert.fail("nothing was thrown"),
        (thrown) => thrown,
    );
    return [error.statusCode, error.body.errors[0].code];
}

assert.equal((await client.ping()).admins[0].name, "Sandbox Admin");
console.log("authenticate");

await create("somebody");
console.log("create an event");

assert.deepEqual(await refusalOf(create("nobody")), [404, "not_found"]);
console.log("miss a contact");

const listed = await client.events.listBy({ userId: "somebody" });
assert.deepEqual([listed.type, listed.events.map((event) => event.created_at)], ["event.list", [now]]);
console.log("list events");

const summary = await client.events.listBy({ userId: "somebody", summary: true });
assert.deepEqual([summary.type, summary.events.map((event) => event.count)], ["event.summary", [1]]);
console.log("sum events up");

const made = await client.contacts.createUser({ externalId: "made", email: "made@example.com" });
console.log("create a contact");

assert.equal((await client.contacts.find({ id: made.id })).external_id, "made");
console.log("find a contact by id");

assert.equal((await client.contacts.update({ id: made.id, name: "Ada" })).name, "Ada");
assert.equal((await client.contacts.find({ id: made.id })).name, "Ada");
console.log("update a contact");

const query = { field: "external_id", operator: "=", value: "made" };
const found = await client.contacts.search({ data: { query } });
assert.deepEqual(found.data.map((contact) => contact.id), [made.id]);
console.log("search contacts");

const everybody = [];
let startingAfter;
do {
    const page = await client.contacts.list({ perPage: 1, startingAfter });
    everybody.push(...page.data.map((contact) => contact.external_id));
    startingAfter = page.pages.next?.starting_after;
} while (startingAfter);
assert.ok(everybody.includes("made") && everybody.includes("somebody"), everybody);
console.log("list contacts");

const lead = await client.contacts.createLead();
assert.equal((await client.contacts.mergeLeadInUser({ leadId: lead.id, userId: made.id })).id, made.id);
assert.deepEqual(await refusalOf(client.contacts.find({ id: lead.id })), [410, "contact_merged"]);
console.log("merge a contact");
