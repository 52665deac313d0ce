mod command_line;
mod messages;
