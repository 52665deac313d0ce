mod command_line;
mod documents;
mod quoting;
