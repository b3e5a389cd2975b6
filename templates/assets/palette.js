// the palette
