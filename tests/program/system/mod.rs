mod allowed_calls;
mod failing_calls;
mod privilege;
mod resources;
