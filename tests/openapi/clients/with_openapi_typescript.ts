// Registers, lists and downloads videos with openapi-fetch and types from openapi-typescript.

import createClient from "openapi-fetch";
import type { paths } from "./assets.ts";

declare const process: { argv: string[] };

function assert(condition: unknown, found: unknown): asserts condition {
    if (!condition) throw new Error(JSON.stringify(found));
}

const [baseUrl, token, project] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const place = { namespace: "testuser", project };

// Register the smallest body, one with many fields, and one with a null.
const ids = new Set<string>();
for (const body of [
    place,
    {
        ...place,
        name: "/camera/front/run01.mp4",
        bssVideoId: "sample-video",
        tags: ["night"],
        metadata: { robot: "a" },
        lens: "fisheye" as const,
    },
    { ...place, episodeName: null, fps: 29.97 },
]) {
    const { data, error } = await client.POST("/assets/video", { body });
    assert(data, error);
    ids.add(data.id);
}

// List all of them, two a page.
const pages: string[][] = [];
for (let cursor = ""; pages.length === 0 || cursor; ) {
    const query = { ...place, limit: 2, cursor };
    const { data, error, response } = await client.GET("/assets/video", { params: { query } });
    assert(data, error);
    pages.push(data.map((video) => video.id));
    cursor = String(response.headers.get("X-Next-Cursor") ?? "");
}
assert(pages.map((page) => page.length).join() === "2,1", pages);
assert(pages.flat().every((id) => ids.has(id)) && ids.size === 3, pages);

// Filter by tag, and get the asset.
const { data: tagged = [] } = await client.GET("/assets/video", {
    params: { query: { ...place, tag: ["night"] } },
});
const path = { asset_id: tagged[0].id };
const { data: shown } = await client.GET("/assets/video/{asset_id}", { params: { path } });
assert(shown?.fps === 30 && shown.lens === "fisheye" && shown.metadata?.robot === "a", shown);

// Get a download URL.
const { data: found } = await client.GET("/assets/video/download", {
    params: { query: { ...place, path: "/camera/front/run01.mp4" } },
});
assert(found?.filename === "run01.mp4", found);

// Get an error.
const { error: refused } = await client.GET("/assets/video/download", {
    params: { query: { ...place, path: "/none" } },
});
assert(refused?.code === "asset_not_found", refused);
