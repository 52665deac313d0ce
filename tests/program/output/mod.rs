mod check;
mod file;
mod formats;
mod interval;
