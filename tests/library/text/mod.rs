mod buffer;
mod template;
