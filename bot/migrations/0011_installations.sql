-- Where the app is installed by OAuth. `team`: the id of a workspace, or of an organisation that has it in all of its own.

CREATE TABLE slack_installations (
    team TEXT NOT NULL,
    enterprise TEXT,
    is_org_wide BOOLEAN NOT NULL,
    app TEXT NOT NULL,
    bot TEXT NOT NULL,
    bot_user TEXT NOT NULL,
    installer TEXT NOT NULL,
    scopes TEXT NOT NULL,
    token TEXT NOT NULL,
    refresh_token TEXT,
    expires TIMESTAMPTZ,
    installed TIMESTAMPTZ NOT NULL,
    renewing TIMESTAMPTZ,
    PRIMARY KEY (team)
);

CREATE TABLE slack_states (
    state TEXT NOT NULL,
    expires TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (state)
);

-- Every workspace that the app was ever installed in, alone or as a part of an organisation, until what it has left behind
-- is deleted: some time after `removed`.
CREATE TABLE slack_workspaces (
    team TEXT NOT NULL,
    enterprise TEXT,
    is_org_wide BOOLEAN NOT NULL,
    removed TIMESTAMPTZ,
    PRIMARY KEY (team)
);
